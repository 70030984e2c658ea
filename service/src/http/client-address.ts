import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';
import type { Config } from '../config/options.ts';

/**
 * Returns a function that finds the client's address of a request, in its canonical form: the socket's, or, behind
 * trusted proxies, the last one in CLIENT_ADDRESS_HEADER that is not a trusted proxy. Entries that the client itself
 * wrote are ignored. If a trusted proxy names no address (`unknown`, `_hidden`), it is the socket's, which can't be
 * forged.
 */
export function clientAddressOf({
  trustedProxies,
  clientAddressHeader,
}: Pick<Config, 'trustedProxies' | 'clientAddressHeader'>): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return ({ socket }) => socketAddress(socket.remoteAddress);
  const trusted = proxyAddr.compile([...trustedProxies]);
  const nodesOf = clientAddressHeader === 'Forwarded' ? forwardedNodes : xForwardedNodes;
  return ({ socket, headers }) => {
    const nearest = socketAddress(socket.remoteAddress);
    let address = nearest;
    for (const node of nodesOf(headers)) {
      if (!trusted(address, 0)) break;
      const named = addressIn(node);
      if (named === undefined) return nearest;
      address = named;
    }
    return address;
  };
}

/** The canonical form of a socket's address; empty for a socket that is closed already. */
export function socketAddress(remoteAddress = ''): string {
  // What a listener for both families gets from an IPv4 client, without the work that other spellings take.
  const ipv4 = remoteAddress.startsWith(MAPPED) ? remoteAddress.slice(MAPPED.length) : '';
  return isIPv4(ipv4) ? ipv4 : (canonical(remoteAddress) ?? '');
}

/** Of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2). */
const MAPPED = '::ffff:';

/**
 * The network of an IPv6 address, which its host can take any address of (RFC 4291, section 2.5.4). Another address is
 * returned as it is.
 * @param address in its canonical form
 * @param prefixLength bits, from 1 to 128
 */
export function networkOf(address: string, prefixLength: number): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  const bytes = ipaddr.parse(address).toByteArray();
  const bitsOf = (index: number): number => Math.min(8, Math.max(0, prefixLength - 8 * index));
  return ipaddr.fromByteArray(bytes.map((byte, index) => byte & (0xff00 >> bitsOf(index)))).toString();
}

/** Entries of X-Forwarded-For, the nearest proxy's first. Empty ones do not count (RFC 9110, section 5.6.1.2). */
function xForwardedNodes(headers: IncomingHttpHeaders): string[] {
  const entries = String(headers['x-forwarded-for'] ?? '').split(',');
  return entries.filter((entry) => entry.trim() !== '').reverse();
}

/** The `for` parameters of Forwarded (RFC 7239, section 4), the nearest proxy's first. */
function forwardedNodes({ forwarded = '' }: IncomingHttpHeaders): string[] {
  return elementsFromEnd(forwarded)
    .filter((element) => element.trim() !== '')
    .map((element) => {
      const pairs = [...element.matchAll(PAIR)];
      return pairs.find(([, name]) => name?.toLowerCase() === 'for')?.[2] ?? '';
    });
}

/** RFC 7239, section 4: `token=token` or `token="quoted string"`. A bare address in brackets is taken, too. */
const PAIR = /([^\s=;"]+)=("(?:[^"\\]|\\.)*"|[^;"]*)/g;

/**
 * Splits at commas outside of quotes, from the end: what the nearest proxy added is well-formed, whatever the client put
 * in front of it.
 */
function elementsFromEnd(text: string): string[] {
  const elements: string[] = [];
  let end = text.length;
  let quoted = false;
  for (let at = text.length - 1; at >= 0; at -= 1)
    if (text[at] === '"' && !isEscaped(text, at)) quoted = !quoted;
    else if (text[at] === ',' && !quoted) {
      elements.push(text.slice(at + 1, end));
      end = at;
    }
  return [...elements, text.slice(0, end)];
}

/** Whether an odd number of backslashes is in front of a character (RFC 9110, section 5.6.4). */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text[from - 1] === '\\') from -= 1;
  return (at - from) % 2 === 1;
}

/** RFC 7239, section 6: an address with or without brackets and port, which may be obfuscated. */
const NODE = /^(?:\[(?<bracketed>[^\]]+)\]|(?<ipv4>[\d.]+))(?::(?:\d{0,5}|_[\w.-]+))?$/;

function addressIn(node: string): string | undefined {
  const text = node
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .replaceAll(/\\(.)/g, '$1');
  const parts = NODE.exec(text)?.groups;
  return canonical(parts?.['bracketed'] ?? parts?.['ipv4'] ?? text);
}

/**
 * The one form of an address that all its spellings have in common (RFC 5952), without a zone. An IPv4-mapped IPv6
 * address is the IPv4 address.
 */
function canonical(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return undefined;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const ipv4 = address.replace(MAPPED, '');
  return isIPv4(ipv4) ? ipv4 : address;
}
