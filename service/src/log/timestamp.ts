let timestampMs = 0;
let timestampText = '';
let timestampSecond = NaN;
let timestampHead = '';

/** The current time in ISO 8601, formatted once a millisecond, and all but its milliseconds once a second. */
export function timestamp(): string {
  const now = Date.now();
  if (now === timestampMs) return timestampText;
  timestampMs = now;
  const second = Math.floor(now / 1000);
  if (second !== timestampSecond) {
    timestampSecond = second;
    timestampHead = new Date(second * 1000).toISOString().slice(0, -4);
  }
  timestampText = `${timestampHead}${String(now - second * 1000).padStart(3, '0')}Z`;
  return timestampText;
}
