import { florin } from '../../../lib/florin.ts';

/** Nothing runs on between requests here: a cron call works off what waits for another attempt. */
export async function GET(request: Request): Promise<Response> {
  const secret = process.env['CRON_SECRET'];
  if (!secret || request.headers.get('authorization') !== `Bearer ${secret}`) {
    return new Response(null, { status: 401 });
  }
  await florin.drain();
  return Response.json({ done: true });
}
