/**
 * `node:http` for programs that start fast. To `import` it is to read everything it exports, since a module that is
 * imported has its names copied, and to read its `WebSocket` is to load undici, a tenth of the time to ready (Node.js
 * 24, lib/http.js).
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');
