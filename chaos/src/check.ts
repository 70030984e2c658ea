#!/usr/bin/env node
/**
 * Checks a history that a run left: `node chaos/src/check.ts FILE --mode strict`. Exit status 1 if a promise is broken, 2 if there
 * is none to check.
 */
import { Option } from 'commander';
import { program } from '../../lib/program.ts';
import { check } from './checker.ts';
import { MODES, readHistory, type Mode } from './history.ts';
import { describeVerdict } from './report.ts';

const command = program(
  'node chaos/src/check.ts',
  'Checks the history of a run against the promises of docs/sessions.md.',
)
  .argument('<file>', 'history, in JSON lines')
  .addOption(new Option('--mode <mode>', 'whose promises').choices(MODES).default('strict'))
  .parse();
const [file = ''] = command.args;
const verdict = await check(readHistory(file), command.opts<{ mode: Mode }>().mode).catch((error: unknown) =>
  command.error(`the history can not be read: ${(error as Error).message}`),
);
if (verdict.told === 0) command.error(`${file} holds no count that a client received: nothing was checked`);
process.stdout.write(`${describeVerdict(verdict)}\n`);
if (verdict.violations.length > 0) process.exitCode = 1;
