import { florin } from '../../../lib/florin.ts';

/** Nothing runs on between requests here: a cron call, once a minute, runs whatever is due. */
export async function GET(request: Request): Promise<Response> {
  const secret = process.env['CRON_SECRET'];
  if (!secret || request.headers.get('authorization') !== `Bearer ${secret}`) {
    return new Response(null, { status: 401 });
  }
  const jobs = await florin.runJobs();
  const failed = jobs.some(({ failure }) => failure !== null);
  return Response.json({ jobs }, { status: failed ? 503 : 200 });
}
