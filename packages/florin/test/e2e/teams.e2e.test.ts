import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, hasBrowser, keepPicture, launchBrowser } from './support/browser.ts';
import { type Product, signUp, startProduct } from './support/product.ts';

type Person = { readonly page: Page; readonly userId: string };

describe.skipIf(!hasBrowser)('an account that three people share, in two browsers', () => {
  let product: Product;
  let browsers: Browser[];
  let serverKey: string;
  const faults: string[] = [];

  beforeAll(async () => {
    [product, ...browsers] = await Promise.all([startProduct(), launchBrowser(), launchBrowser()]);
    const secrets = await readFile(join(product.folder, '.florin', 'secrets.json'), 'utf8');
    serverKey = JSON.parse(secrets).FLORIN_SECRET_KEY;
  }, 180_000);
  afterAll(async () => {
    await Promise.all(browsers?.map((browser) => browser.close()) ?? []);
    await product?.stop();
  });

  /** Signs up on the account page, in a browser or a window of their own. */
  async function person(browser: Browser, name: string): Promise<Person> {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => faults.push(error.message));
    const { userId } = await signUp(page, product, `${name}@example.com`);
    return { page, userId };
  }

  async function asServer(path: string, body?: object): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${new URL(product.app).port}${path}`, {
      method: body === undefined ? 'GET' : 'PUT',
      headers: { authorization: `Bearer ${serverKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return JSON.parse(text);
  }

  async function limitsOf(account: string): Promise<readonly object[]> {
    const { limits } = (await asServer(`/api/accounts/${account}/limits`)) as { limits: object[] };
    return limits;
  }

  async function look(page: Page, name: string): Promise<void> {
    await keepPicture(page, `team-${name}`);
    expect(await axeViolations(page)).toEqual([]);
  }

  const available = (page: Page, amount: number) =>
    page.getByTestId('available').getByText(String(amount), { exact: true }).waitFor();

  async function enter({ page }: Person, team: string): Promise<void> {
    await page.reload();
    await page.getByLabel('Account', { exact: true }).selectOption(team);
  }

  async function scan({ page }: Person, pages: number): Promise<void> {
    await page.getByLabel('Pages').fill(String(pages));
    await page.getByRole('button', { name: 'Scan', exact: true }).click();
  }

  it('is bought for by its owner, spent from within a limit, and lost when one is removed', {
    timeout: 180_000,
  }, async () => {
    const [first, second] = browsers as [Browser, Browser];
    const team = randomUUID();
    const olga = await person(first, 'olga');
    const adam = await person(first, 'adam');
    const mia = await person(second, 'mia');
    await asServer(`/api/accounts/${team}/members/${olga.userId}`, { role: 'owner' });

    // The owner buys for the team.
    await enter(olga, team);
    await olga.page.goto(`${product.app}/pricing.html`);
    await olga.page.getByRole('button', { name: 'Buy Quick Scan' }).click();
    // The customer is the team's, so nobody's address is known there yet.
    await olga.page.getByLabel('Email').fill('billing@example.com');
    await olga.page.getByTestId('pay').click();
    await olga.page.waitForURL(`${product.app}/index.html?success=true&**`);
    await available(olga.page, 50);
    const { data: customers } = await product.stripe.customers.list();
    expect(customers.map(({ metadata }) => metadata)).toMatchObject([{ userId: team }]);

    // She adds an admin and a member, who may use ten credits a month.
    for (const [{ userId }, role] of [
      [adam, 'admin'],
      [mia, 'member'],
    ] as const) {
      await olga.page.getByLabel('User id').fill(userId);
      await olga.page.locator('.add-member select').selectOption(role);
      await olga.page.getByRole('button', { name: 'Add', exact: true }).click();
      await olga.page.getByLabel(`Role of ${userId}`).waitFor();
    }
    const limit = olga.page.getByLabel(`Credits that ${mia.userId} may use a month`);
    await limit.fill('10');
    await olga.page.getByRole('button', { name: 'Save' }).click();
    await olga.page.getByRole('button', { name: 'Save' }).waitFor({ state: 'detached' });
    await look(olga.page, 'owner');
    // The app has her months begin in Berlin. What it limits by feature is not all that she may use.
    const inBerlin = { window: 'month', actor: mia.userId, timeZone: 'Europe/Berlin' };
    await asServer(`/api/accounts/${team}/limits`, { ...inBerlin, credits: 10 });
    const inChat = { window: 'month', credits: 5, actor: mia.userId, feature: 'chat' };
    await asServer(`/api/accounts/${team}/limits`, inChat);

    // The member spends to the limit, and is told which.
    await enter(mia, team);
    await available(mia.page, 50);
    await scan(mia, 8);
    await available(mia.page, 42);
    await mia.page.getByText('You used 8 credits of 10 credits').waitFor();
    await scan(mia, 3);
    await mia.page.getByRole('alert').getByText('The limit of 10 credits (month)').waitFor();
    await available(mia.page, 42);
    await look(mia.page, 'member');

    // The admin raises it; he sees what everybody used and cannot buy.
    await enter(adam, team);
    await adam.page.getByLabel(`Credits that ${mia.userId} may use a month`).fill('20');
    await adam.page.getByRole('button', { name: 'Save' }).click();
    await adam.page.getByRole('button', { name: 'Save' }).waitFor({ state: 'detached' });
    const monthly = { ...inBerlin, feature: null, credits: 20 };
    expect(await limitsOf(team)).toContainEqual(expect.objectContaining(monthly));
    const row = adam.page.locator(`tr[data-user="${mia.userId}"]`);
    await row.getByText('8', { exact: true }).waitFor();
    expect(await adam.page.getByRole('heading', { name: 'Auto top-up' }).count()).toBe(0);
    expect(await adam.page.getByRole('link', { name: 'Buy credits' }).count()).toBe(0);
    await look(adam.page, 'admin');
    await scan(mia, 3);
    await available(mia.page, 39);

    // Of many members those are still shown, after a change, that were shown before.
    const ids = Array.from({ length: 60 }, () => randomUUID());
    for (const id of ids) {
      await asServer(`/api/accounts/${team}/members/${id}`, { role: 'member' });
    }
    await enter(adam, team);
    await adam.page.getByRole('button', { name: 'More members' }).click();
    const last = [...ids, mia.userId].sort().at(-1);
    const role = adam.page.getByLabel(`Role of ${last}`);
    await role.selectOption('viewer');
    await expect.poll(() => role.inputValue()).toBe('viewer');
    expect(await adam.page.locator('tr[data-user]').count()).toBe(63);

    // The owner removes the member, whose open page stops within seconds.
    await olga.page.getByRole('button', { name: `Remove ${mia.userId}` }).click();
    await mia.page.getByText('You are no longer a member of that account.').waitFor();
    await available(mia.page, 0);
    await look(mia.page, 'removed');
    await olga.page.getByRole('button', { name: 'Leave this account' }).click();
    await olga.page.getByRole('alert').getByText('would have no owner').waitFor();
    expect(faults).toEqual([]);
  });
});
