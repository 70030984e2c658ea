import { FleetClient } from './fleet-client.ts';
import { ServerProcess, type ServerKind } from './server-process.ts';

/** A server on a core of its own, and the fleet of its clients on the others. */
export class Rig {
  readonly server: ServerProcess;
  readonly fleet = new FleetClient();

  private constructor(server: ServerProcess) {
    this.server = server;
    this.fleet.keepOffServer();
  }

  /**
   * Starts both. The server's loop is probed, and nobody looks at its log.
   * @param prepare what comes before anything is measured; if it fails both are ended
   * @returns both, and what `prepare` found
   */
  static async start<Found>(
    kind: ServerKind,
    env: Readonly<Record<string, string>>,
    prepare: (rig: Rig) => Promise<Found>,
  ): Promise<{ readonly rig: Rig; readonly found: Found }> {
    const rig = new Rig(await ServerProcess.start(kind, { env, loopProbe: true, discardLog: true, ownCore: true }));
    try {
      return { rig, found: await prepare(rig) };
    } catch (error) {
      await rig.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    await this.fleet.end();
    await this.server.kill();
  }
}
