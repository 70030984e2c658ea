import { FaultyLoki, type Fault } from '../../testkit/faulty-loki.ts';
import type { Bed, Ending } from './bed.ts';
import type { Proof } from './proof.ts';

/**
 * A Loki of this process, which can be told to fail. Its address is a value, so it is there before the release.
 * @param then what follows once it fails
 */
export function faultOfLoki(
  fault: Fault,
  then: (bed: Bed) => Promise<void> = async () => undefined,
): Pick<Proof, 'values' | 'inject'> {
  let loki: FaultyLoki;
  return {
    values: async (site) => {
      loki = await FaultyLoki.start(site, undefined, '0.0.0.0');
      return { loki: { url: `http://${site.host}:${loki.port}` } };
    },
    inject: async (bed): Promise<Ending> => {
      loki.fault = fault;
      await then(bed);
      return () => {
        loki.mend();
      };
    },
  };
}
