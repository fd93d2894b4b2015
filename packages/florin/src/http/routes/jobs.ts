import { z } from '@hono/zod-openapi';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { statusOf } from '../problem.ts';
import { type App, addRoute } from '../route.ts';
import { answers, SERVER } from '../shapes.ts';

const outcome = z.object({
  job: z.string(),
  more: z.boolean().openapi({ description: 'There is more to do: the next call goes on.' }),
  failure: z.string().nullable().openapi({ description: 'The code of its error.' }),
});

/** For a cron call, where no process runs on to do it. */
export function addJobs(app: App, { callers, runJobs }: Parts): void {
  addRoute(app, {
    method: 'post',
    path: '/api/jobs/run',
    docs: {
      summary: 'Runs once whatever is due: call it once a minute where no process runs on',
      tags: ['Operations'],
      security: SERVER,
      responses: answers(
        {
          description:
            'What became of each job. Where one failed the status is that of its error and the body is the same: the others have run, and the next call makes it again',
          schema: z.object({ jobs: z.array(outcome) }),
        },
        { 401: 'Not the server key' },
      ),
    },
    async handler(c) {
      await callers.server(c);
      const jobs = await runJobs();
      const failure = jobs.find((job) => job.failure !== null)?.failure ?? null;
      return json({ jobs }, { status: failure === null ? 200 : statusOf(failure) });
    },
  });
}
