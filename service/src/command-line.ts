import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Arguments {
  readonly help: boolean;
  readonly version: boolean;
  readonly checkConfig: boolean;
  /** A sentence about what can't be understood. */
  readonly problem?: string;
}

/** Reads the command line. Options proper are environment variables; see options.ts. */
export function parseArguments(args: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        'check-config': { type: 'boolean', default: false },
      },
    });
    return { help: values.help, version: values.version, checkConfig: values['check-config'] };
  } catch (error) {
    const problem = `${(error as Error).message.split('. ')[0] ?? ''}. The flags are --help, --version and --check-config; options are environment variables, which --help lists.`;
    return { help: false, version: false, checkConfig: false, problem };
  }
}
