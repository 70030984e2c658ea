import { InvalidArgumentError } from 'commander';

/** Name of the release. */
export const RELEASE = 'try';
/** What the names of its resources begin with. */
export const FULL_NAME = `${RELEASE}-websocket-message-counter`;
/** Label of a trial's namespace, with its value: no other namespace is used, and so none is ever deleted. */
export const LABEL = ['app.kubernetes.io/managed-by', 'npm-run-try'] as const;

/** Parses the value of an option: the name of a namespace. For commander's `option()`. */
export function namespaceName(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a name of up to 63 small letters, digits and hyphens.');
}
