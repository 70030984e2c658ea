import { chromium, type Browser } from 'playwright-core';
import { TOOLS } from '../scripts/tools.ts';

/** Path of Chromium, if it is there. */
export const CHROMIUM = TOOLS.chromium.find();

/** Starts Chromium, which talks to nobody but the pages it is given. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
