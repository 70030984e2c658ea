import packageJson from '../package.json' with { type: 'json' };

/** The version of the whole bundle: package.json holds it, and everything else is checked against it. */
export const VERSION: string = packageJson.version;
