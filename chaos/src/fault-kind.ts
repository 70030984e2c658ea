import type { Effect, Mode } from './history.ts';
import type { Means } from './means.ts';
import type { SignName } from './signs.ts';
import type { System } from './system.ts';
import type { Undo } from './undo.ts';

/** Something that a fault can be done to. One fault at a time is done to one target. */
export interface Target {
  /** Faults with the same name exclude each other. */
  readonly name: string;
  readonly apply: (ms: number) => Promise<Undo>;
}

/** A kind of fault. */
export interface FaultKind {
  readonly doc: string;
  /** What it can do to counts. Default: nothing. */
  readonly effect?: Effect;
  /** The modes that have a target, and whose promise covers it. Default: all. */
  readonly modes?: readonly Mode[];
  /** Nothing else happens meanwhile, and every client is connected when it begins. */
  readonly alone?: boolean;
  /** What it needs beside processes. */
  readonly needs?: Means;
  /** What it can be done to. */
  readonly targets: (system: System) => readonly Target[];
  /** What shows it, to one who watches the service: one of them is enough. */
  readonly signs: readonly SignName[];
}
