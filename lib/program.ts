import { closeSync, openSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { redactedAddress } from './redaction.ts';

/**
 * The command line of a program of this repo. `--help` prints all arguments, status 0; a wrong one is answered with one sentence
 * on stderr and status 2, without the secrets of addresses in it.
 * @param name what a person types, for example `npm run bench --`
 */
export function program(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .configureOutput({
      outputError: (text, write) => {
        const [problem = '', ...hints] = withoutSecrets(text)
          .trim()
          .replace(/^error: /, '')
          .split('\n');
        write(`${[problem, ...hints, `(${name} --help lists the arguments)`].join(' ')}\n`);
      },
    })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE));
}

/** Exit status after a wrong argument. */
export const USAGE = 2;

/** Parses the value of an option: a number over 0. For commander's `option()`. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number over 0.');
  return value;
}

/** Parses the value of an option: a whole number over 0. For commander's `option()`. */
export function positiveInteger(text: string): number {
  const value = positiveNumber(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number over 0.');
  return value;
}

/**
 * Takes the value of an option: a file to write, which may be there. Found out before a run, not after it. For
 * commander's `option()`.
 */
export function outputFile(path: string): string {
  try {
    closeSync(openSync(path, 'a'));
    return path;
  } catch (error) {
    throw new InvalidArgumentError(
      `It can not be written (${(error as NodeJS.ErrnoException).code ?? String(error)}).`,
    );
  }
}

/** The text of an error with what stands in arguments hidden: commander repeats them. */
function withoutSecrets(text: string): string {
  return process.argv.slice(2).reduce((shown, argument) => shown.replaceAll(argument, shownArgument(argument)), text);
}

function shownArgument(argument: string): string {
  const [, option] = /^(--?[^\s=]+)=/.exec(argument) ?? [];
  return option ?? (argument === '' ? '' : redactedAddress(argument));
}
