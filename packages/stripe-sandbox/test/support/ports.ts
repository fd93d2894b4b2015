import { createServer, type Server } from 'node:net';

/**
 * Below the ports that a system hands out to whoever asks for any, as each outgoing connection does:
 * nobody comes by one of these between here and the start of the program that it is for.
 */
const FIRST = 20_000;
const PAIRS = 5_000;

/**
 * Ports for programs that are told theirs. As long as this process lives it listens on the port after
 * each, so that no other test on this machine is given the same.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST + 2 * Math.floor(Math.random() * PAIRS);
    const claim = await listenOn(port + 1);
    const probe = claim === undefined ? undefined : await listenOn(port);
    if (claim !== undefined && probe !== undefined) {
      claim.unref();
      await new Promise((resolve) => probe.close(resolve));
      ports.push(port);
    } else {
      claim?.close();
    }
  }
  return ports;
}

/** Undefined where something else listens. */
function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
