import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * The colours of charts, told apart by everybody: by readers who see all of them, and by those who lack one of the three
 * kinds of cones (Machado, Oliveira and Fernandes 2009, severity 1). Distances are CIE 1976.
 */
const SIGHTS = {
  'with all cones': [1, 0, 0, 0, 1, 0, 0, 0, 1],
  'without red': [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  'without green': [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  'without blue': [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
} as const;
/** About six times what is just noticeable side by side. */
const APART = 14;
/** What WCAG asks of graphics. */
const CONTRAST = 3;

const css = readFileSync(join(import.meta.dirname, '../../web/style/tokens.css'), 'utf8');
const [light = '', dark = ''] = css.split('prefers-color-scheme: dark');

type Colour = readonly [number, number, number];

function linear(hex: string): Colour {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function times(m: readonly number[], [r, g, b]: Colour): Colour {
  const row = (n: number) => (m[n] ?? 0) * r + (m[n + 1] ?? 0) * g + (m[n + 2] ?? 0) * b;
  return [row(0), row(3), row(6)];
}

const TO_XYZ = [0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505];

function lab(colour: Colour): Colour {
  const [x, y, z] = times(TO_XYZ, colour);
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const [fx, fy, fz] = [f(x / 0.95047), f(y), f(z / 1.08883)];
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

function contrast(a: string, b: string): number {
  const of = (hex: string) => times(TO_XYZ, linear(hex))[1] + 0.05;
  return Math.max(of(a), of(b)) / Math.min(of(a), of(b));
}

describe.each([
  ['light', light],
  ['dark', dark],
])('the colours of charts, %s', (_theme, tokens) => {
  const series = [...tokens.matchAll(/--(series-\w+): (#[0-9a-f]{6})/g)].map(
    ([, name = '', hex = '']) => ({ name, hex }),
  );
  const surface = /--surface: (#[0-9a-f]{6})/.exec(tokens)?.[1] ?? '';

  it('are six, and stand out from the page', () => {
    expect(series).toHaveLength(6);
    for (const { name, hex } of series) {
      expect(contrast(hex, surface), name).toBeGreaterThanOrEqual(CONTRAST);
    }
  });

  it.each(Object.entries(SIGHTS))('are told apart %s', (_sight, matrix) => {
    const clamp = (value: number) => Math.min(Math.max(value, 0), 1);
    const seen = series.map(({ name, hex }) => {
      const [r, g, b] = times(matrix, linear(hex));
      return { name, colour: lab([clamp(r), clamp(g), clamp(b)]) };
    });
    for (const [place, one] of seen.entries()) {
      for (const other of seen.slice(place + 1)) {
        const apart = Math.hypot(...one.colour.map((value, n) => value - (other.colour[n] ?? 0)));
        expect(apart, `${one.name} and ${other.name}`).toBeGreaterThan(APART);
      }
    }
  });
});
