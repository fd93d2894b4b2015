#!/usr/bin/env node
import { processTerminal } from './command-line.ts';
import { runFlorin } from './program.ts';

process.exitCode = await runFlorin(process.argv.slice(2), processTerminal);
