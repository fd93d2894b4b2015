import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { InvalidConfigurationError } from '../kernel/index.ts';
import { compile } from './compile.ts';
import { defineCatalog } from './define.ts';
import { OCR_CATALOG } from './ocr.ts';
import { parseCatalog } from './parse.ts';
import type { Catalog } from './price.ts';

const DEFAULT_FILES = ['florin.config.ts', 'florin.config.json'];

/**
 * The catalogue at `path`, else the first of florin.config.ts and florin.config.json in the working
 * directory, else the OCR service's. Throws `invalid_configuration` that names the file and each
 * fault. A TypeScript catalogue is a program: it runs with the service's rights.
 */
export async function loadCatalog(path?: string | undefined): Promise<Catalog> {
  const file =
    path === undefined
      ? DEFAULT_FILES.map((name) => resolve(name)).find((name) => existsSync(name))
      : resolve(path);
  if (file === undefined) {
    return defineCatalog(OCR_CATALOG);
  }
  if (!existsSync(file)) {
    throw new InvalidConfigurationError([
      `The catalogue ${file} does not exist: check FLORIN_CATALOG, or write one with \`florin init\`.`,
    ]);
  }
  try {
    const value = extname(file) === '.json' ? await readJson(file) : await runModule(file);
    return isCatalog(value) ? value : parseCatalog(value);
  } catch (error) {
    throw new InvalidConfigurationError(
      error instanceof InvalidConfigurationError
        ? error.faults.map((fault) => `${file}: ${fault}`)
        : [`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`],
    );
  }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'));
}

async function runModule(file: string): Promise<unknown> {
  const compiled = /\.[cm]?ts$/.test(file) ? await compile(file) : undefined;
  const { createJiti } = await import('jiti');
  const options = {
    moduleCache: false,
    fsCache: false,
    // The file may import this package's defineCatalog wherever it lies, installed or not.
    virtualModules: { florin: { defineCatalog } },
  };
  const others = createJiti(import.meta.url, options);
  const jiti = createJiti(import.meta.url, {
    ...options,
    transform: (given) => ({
      code: given.filename === file && compiled !== undefined ? compiled : others.transform(given),
    }),
  });
  return jiti.import(file, { default: true });
}

function isCatalog(value: unknown): value is Catalog {
  return typeof (value as Partial<Catalog> | null)?.find === 'function' && !Array.isArray(value);
}
