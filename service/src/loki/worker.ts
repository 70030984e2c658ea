/** The thread that ships lines to Loki: see shipper.ts, which starts it. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromLokiWorker, LokiSenderOptions, ToLokiWorker } from './types.ts';

/** Weighs 335 against the usual 1024 (Linux, sched(7)). */
const NICENESS = 5;

giveWay();
// Now: to load winston-loki takes 200 ms of CPU time.
const { LokiSender } = await import('./sender.ts');

const sender = new LokiSender(workerData as LokiSenderOptions, post);

parentPort?.on('message', (message: ToLokiWorker) => {
  if (message !== 'flush') sender.add(Buffer.from(message.bytes.buffer, 0, message.bytes.length), message.lines);
  else
    void sender.flush().then(() => {
      post('flushed');
    });
});

function post(message: FromLokiWorker): void {
  parentPort?.postMessage(message);
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
