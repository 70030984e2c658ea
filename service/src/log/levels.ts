/** Levels of the log, the most severe first. */
export const LOG_LEVELS = ['CRITICAL', 'ERROR', 'WARN', 'INFO', 'DEBUG'] as const;

/** A level of the log. */
export type LogLevel = (typeof LOG_LEVELS)[number];
