import type { Socket } from 'node:net';
import type { Cleanup } from './redis.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** Where a command begins that runs the script of the batches. */
const SCRIPT = /EVAL(?:SHA)?\r\n/;
/** What that script answers: counts, as a bulk string (RESP); or that it is not known. */
const SCRIPT_ANSWERS = /\$\d+\r\n!?\d+(?:,\d+)*\r\n|-NOSCRIPT/g;
/** The key of a script that is run without a batch, to see whether the store works. */
const PROBE = ':probe';

/** A TCP proxy that can lose what a server replies: the bytes arrive, the answer does not, and the connection ends. */
export class LossyProxy extends TcpProxy {
  /** How many more answers to batches are lost. Only answers to what is sent from now on count. */
  lose = 0;
  /** Answers lost so far. */
  lost = 0;

  static start(t: Cleanup, target: number): Promise<LossyProxy> {
    return new LossyProxy().listen(t, target);
  }

  protected join(client: Socket, upstream: Socket): void {
    /** The scripts under way, in order: what was sent of each, and whether answers were to be lost then. */
    const scripts: { sent: string; lossy: boolean }[] = [];
    client.on('data', (data: Buffer) => {
      const [rest = '', ...begun] = data.toString('latin1').split(SCRIPT);
      // One command may come in several pieces, its key in another one than its name.
      const last = scripts.at(-1);
      if (last !== undefined) last.sent += rest;
      scripts.push(...begun.map((sent) => ({ sent, lossy: this.lose > 0 })));
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      const answers = data.toString('latin1').match(SCRIPT_ANSWERS) ?? [];
      const answered = scripts.splice(0, answers.length);
      // A script that is not known counted nothing.
      if (!answered.some(({ sent, lossy }, at) => lossy && !sent.includes(PROBE) && !answers[at]?.startsWith('-'))) {
        client.write(data);
        return;
      }
      this.lose -= 1;
      this.lost += 1;
      client.destroy();
    });
  }
}
