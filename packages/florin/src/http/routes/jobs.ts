import { OPERATING } from '../../contract/index.ts';
import { Reply } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { statusOf } from '../problem.ts';
import { type App, addRoute } from '../route.ts';

/** Adds the route that runs the background jobs where no process keeps running to do it. */
export function addJobs(app: App, { callers, runJobs }: Parts): void {
  addRoute(app, OPERATING.runJobs, async (c) => {
    await callers.server(c);
    const jobs = await runJobs();
    const failure = jobs.find((job) => job.failure !== null)?.failure ?? null;
    return new Reply({ jobs }, { status: failure === null ? 200 : statusOf(failure) });
  });
}
