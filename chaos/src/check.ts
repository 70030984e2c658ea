#!/usr/bin/env node
/** Checks a history that a run left: `node chaos/src/check.ts FILE --mode strict`. Exit status 1 if a promise is broken. */
import { existsSync } from 'node:fs';
import { Argument, InvalidArgumentError, Option } from 'commander';
import { program } from '../../lib/program.ts';
import { check } from './checker.ts';
import { MODES, readHistory, type Mode } from './history.ts';
import { describeVerdict } from './report.ts';

const command = program(
  'node chaos/src/check.ts',
  'Checks the history of a run against the promises of docs/sessions.md.',
)
  .addArgument(new Argument('<file>', 'history, in JSON lines').argParser(existingFile))
  .addOption(new Option('--mode <mode>', 'whose promises').choices(MODES).default('strict'))
  .parse();
const verdict = await check(readHistory(command.args[0] ?? ''), command.opts<{ mode: Mode }>().mode);
process.stdout.write(`${describeVerdict(verdict)}\n`);
if (verdict.violations.length > 0) process.exitCode = 1;

function existingFile(path: string): string {
  if (!existsSync(path)) throw new InvalidArgumentError('There is no such file.');
  return path;
}
