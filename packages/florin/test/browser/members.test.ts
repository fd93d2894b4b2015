import { expect, it } from 'vitest';
import { createFlorinClient, type Member } from '../../src/browser/index.ts';
import { monthlyLimits } from '../../src/react/use-members.ts';
import { answerJson, FakeHost } from './fake-host.ts';

const ADA = '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';
const TEAM = '0f8d2a77-3b1c-4d5e-8f90-a1b2c3d4e5f6';

it('a limit of a member is set as it was read, with its decimals and its time zone', async () => {
  const host = new FakeHost();
  host.answer = () => answerJson({ limits: [] });
  const client = createFlorinClient({ host, getAccessToken: () => 'token' });
  const limit: Member['limits'][number] = {
    ...{ window: 'month', actor: ADA, feature: null, soft: false, timeZone: 'Europe/Berlin' },
    ...{ credits: '49.25', used: 0, resetsAt: null },
  };
  const member: Member = { userId: ADA, role: 'member', used: 0, limits: [limit] };
  const { own } = monthlyLimits(member);
  await client.limitMember(TEAM, ADA, own?.credits ?? null, own?.timeZone);
  expect(host.asked).toMatchObject([
    {
      method: 'PUT',
      path: `/api/accounts/${TEAM}/limits`,
      body: { window: 'month', actor: ADA, credits: '49.25', timeZone: 'Europe/Berlin' },
    },
  ]);
});
