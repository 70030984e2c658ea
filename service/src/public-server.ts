import type { Server } from 'node:http';
import type { DropArgument, Socket } from 'node:net';
import type { Config } from './config/options.ts';
import type { Handshakes } from './connections/handshakes.ts';
import { socketAddress } from './http/client-address.ts';
import { normaliseRequest } from './http/normal-request.ts';
import { endWithError, isAnswered } from './http/raw-answer.ts';
import { REJECTIONS, type RejectionReason } from './protocol/protocol.ts';
import { createServer } from './runtime/node-http.ts';

/** TCP connections over MAX_CONNECTIONS: for probes, scrapes, and for handshakes to be rejected with a reason. */
const SPARE_SOCKETS = 1024;

/** Creates the public server. Upgrades go to `handshakes`; the caller adds a `request` listener. */
export function createPublicServer(config: Config, handshakes: Handshakes): Server {
  const timeoutMs = config.handshakeTimeoutSeconds * 1000;
  const server = createServer({
    headersTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    connectionsCheckingInterval: Math.min(1000, timeoutMs / 4),
    keepAliveTimeout: 5000,
    // A server may ignore other upgrades (HTTP/2 over cleartext), and answer the request itself (RFC 9110, section
    // 7.8).
    shouldUpgradeCallback: (request) => {
      normaliseRequest(request);
      return request.headers.upgrade === 'websocket';
    },
  });
  server.maxConnections = config.maxConnections + SPARE_SOCKETS;
  server.on('upgrade', (request, socket, head) => {
    handshakes.handle(request, socket, head);
  });
  server.on('drop', (dropped?: DropArgument) => {
    handshakes.countRejection('capacity', socketAddress(dropped?.remoteAddress));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    rejectUnparsed(error, socket as Socket, handshakes);
  });
  return server;
}

/** Error codes of the HTTP parser (llhttp) and of Node.js. */
const PARSER_REJECTIONS: Readonly<Record<string, RejectionReason>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

function rejectUnparsed(error: NodeJS.ErrnoException, socket: Socket, handshakes: Handshakes): void {
  if (isAnswered(socket) && error.code !== 'ECONNRESET') return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const reason = PARSER_REJECTIONS[error.code ?? ''] ?? 'malformed';
  handshakes.countRejection(reason, socketAddress(socket.remoteAddress));
  endWithError(socket, REJECTIONS[reason].status, {
    error: reason,
    message: reason === 'malformed' ? 'This is not HTTP/1.1 (RFC 9112).' : `Refused: ${REJECTIONS[reason].when}.`,
  });
}
