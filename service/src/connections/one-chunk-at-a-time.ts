import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream';

/**
 * Calls `handleUpgrade` so that `ws` takes the next chunk of the connection only when it has finished the one before.
 *
 * While `ws` 8.23.0 inflates a message, chunks queue in its stream, and one behind an invalid frame is parsed although
 * that frame was an error: a TypeError that ends the process. A stream whose high-water mark is 0 is full with any
 * chunk, and `ws` then pauses the socket until it is empty. `ws` has no option for it, so the default of the streams
 * that are created by the call is 0 (Node.js documentation, `stream.setDefaultHighWaterMark`).
 * @param upgrade is synchronous
 */
export function oneChunkAtATime(upgrade: () => void): void {
  const usual = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 0);
  try {
    upgrade();
  } finally {
    setDefaultHighWaterMark(false, usual);
  }
}
