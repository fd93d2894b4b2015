import { chromium } from 'playwright-core';
import { startMock } from './mock-service.ts';
import { allIsWell, PASSWORD, ACCOUNT } from './mock-data.ts';
const mock = await startMock('/tmp/florin-web-dist');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(' ') });
const only = process.argv[2];
const sess = (role: string|null) => JSON.stringify({ accessToken: 'a', refreshToken: 'r', expiresAt: Date.now()+3600e3, user: { id: ACCOUNT, email: role? 'operator@example.com':'ada@example.com', role }});
const shots: [string, string, (string|null|undefined), ((p:any)=>Promise<void>)?, (()=>void)?][] = [
  ['pricing', '/pricing.html', undefined],
  ['pricing-chosen', '/pricing.html?canceled=true&plan=price_QUICK_SCAN', null],
  ['pricing-signin', '/pricing.html', undefined, async p => { await p.getByRole('button', { name: /Choose Vision Pro/ }).click(); await p.getByRole('dialog').waitFor(); }],
  ['account', '/index.html', null, async p => { await p.locator('summary').nth(1).click(); }],
  ['account-out', '/index.html', undefined],
  ['return-paid', '/index.html?success=true&session_id=cs_1&plan=credits', null, undefined, () => mock.answers.set('GET /api/checkout-sessions/cs_1', { body: { sessionId: 'cs_1', state: 'paid', priceId: 'price_QUICK_SCAN', planType: 'credits', credits: 50 } })],
  ['admin', '/admin#/events/evt_1QaaE', 'operator'],
  ['admin-account', `/admin#/accounts/${ACCOUNT}`, 'operator', async p => { await p.getByRole('button', {name:'Basic plan monthly'}).first().click(); }],
];
for (const [name, path, who, act, prep] of shots) {
  if (only && !name.startsWith(only)) continue;
  for (const scheme of ['light', 'dark'] as const) for (const [w, h] of [[1280, 900], [390, 844]] as const) {
    allIsWell(mock); prep?.();
    const ctx = await browser.newContext({ viewport: { width: w, height: h }, colorScheme: scheme });
    const page = await ctx.newPage();
    page.on('console', m => { if (m.type()==='error' && !m.text().includes('404')) console.log(name, m.text()); });
    page.on('pageerror', e => console.log(name, 'ERR', e.message));
    if (who !== undefined) await page.addInitScript(s => localStorage.setItem('florin.session', s), sess(who));
    await page.goto(mock.url + path); 
    await page.locator('main h1').first().waitFor({state:'attached'}); await page.waitForTimeout(500);
    try { await act?.(page); } catch (e) { console.log(name, String(e).slice(0,200)); }
    await page.waitForTimeout(200);
    const overflow = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
    if (overflow) console.log(name, w, 'OVERFLOWS');
    await page.screenshot({ path: `/tmp/shots/${name}-${scheme}-${w}.png`, fullPage: !name.includes('signin') });
    await ctx.close();
  }
}
await browser.close(); await mock.close();
