import { expect, it } from 'vitest';
import { ROUTES } from '../src/app.ts';
import { parametersOf } from './support/declarations/parameters.ts';

it('the parameters of every route are those that the SDK declares (--update writes them)', async () => {
  const source = `/** Written from the SDK's declarations by test/parameters.test.ts, which checks it. */
export const PARAMETERS =
  '${parametersOf(ROUTES.map(([method, path]) => [method, path]))}';
`;
  await expect(source).toMatchFileSnapshot('../src/api/parameters.ts');
});
