/** Ends a fault. */
export type Undo = () => Promise<void> | void;
