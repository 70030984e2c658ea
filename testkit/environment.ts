/** What a program that a test starts has from the test's environment: where programs are, and compiled modules. */
export const BARE_ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
};

/** What tests start the service with: free ports, and no heartbeat that a test might take for a reply. */
export const TEST_OPTIONS = {
  PORT: '0',
  ADMIN_PORT: '0',
  HOST: '127.0.0.1',
  HEARTBEAT_INTERVAL_SECONDS: '3600',
} as const;
