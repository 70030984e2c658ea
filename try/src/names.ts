/** Name of the release. */
export const RELEASE = 'try';
/** What the names of its resources begin with. */
export const FULL_NAME = `${RELEASE}-websocket-message-counter`;
/** Label of a trial's namespace, with its value: no other namespace is used, and so none is ever deleted. */
export const LABEL = ['app.kubernetes.io/managed-by', 'npm-run-try'] as const;
