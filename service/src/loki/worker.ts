/** The thread that ships lines to Loki: see loki-shipper.ts, which starts it and talks to it. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { LokiSender, type LokiReport, type LokiSenderOptions } from './sender.ts';

/** What the thread is told: lines, in memory that it gives back, or to deliver all it has without long pauses. */
export type ToLokiWorker = { readonly buffer: ArrayBuffer; readonly length: number; readonly lines: number } | 'flush';

/** What the thread tells: how things are, after each change; memory that it is done with; that a flush is done. */
export type FromLokiWorker = { readonly report: LokiReport } | { readonly buffer: ArrayBuffer } | 'flushed';

/** Weighs 335 against the usual 1024 (Linux, sched(7)). */
const NICENESS = 5;

giveWay();

const sender = new LokiSender(workerData as LokiSenderOptions, (report) => {
  tell({ report });
});

parentPort?.on('message', (message: ToLokiWorker) => {
  if (message === 'flush') {
    void sender.flush().then(() => {
      tell('flushed');
    });
    return;
  }
  const { buffer, length, lines } = message;
  sender.add(new Uint8Array(buffer, 0, length), lines);
  tell({ buffer }, buffer);
});

function tell(message: FromLokiWorker, ...handedOver: ArrayBuffer[]): void {
  parentPort?.postMessage(message, handedOver);
}

/**
 * Lets the event loop go first where cores are few: lines can wait, and clients should not. A quarter of a core is left even then,
 * or lines would be dropped. On Linux a priority is a thread's own (setpriority(2), "C library/kernel differences"); elsewhere it
 * would be the whole process'.
 */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, NICENESS);
  } catch {
    // A sandbox that forbids it.
  }
}
