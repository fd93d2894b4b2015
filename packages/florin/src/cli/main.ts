#!/usr/bin/env node
import { processTerminal } from './command-line.ts';
import { runFlorin } from './program.ts';

// Whoever reads may stop early (`florin events list | head`): that ends the output, and is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    throw error;
  }
});

process.exitCode = await runFlorin(process.argv.slice(2), processTerminal);
