/** How a promise can be broken, with what each means. */
export const VIOLATIONS = {
  lost: 'counts that the client had received are gone: after a reconnect, a count that is not above the last one, or in the end a last count below the number of answers',
  order: 'on one connection, a count that is not above the last one',
  doubled: 'a count that is higher than the messages sent explain',
  unasked: 'more counts on a connection than messages',
  unanswered: 'messages that a connection did not answer for 30 s, or until the end, though it stayed open',
  bye: "a bye that names another session, or whose total is not the session's count, or a count after a bye",
  refused: 'a refusal or a close code that [the protocol](protocol.md) has for no client that does nothing wrong',
  absent: 'a session without a count on its last connection: what became of its counts is not known',
} as const;
export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  readonly kind: ViolationKind;
  /** Counts, or messages, that are concerned. */
  readonly amount: number;
  readonly at: number;
  readonly session: string;
  /** What was received and what the promise allows. */
  readonly detail: string;
}
