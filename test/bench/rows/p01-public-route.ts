/**
 * P1: a public route, with no token. What it costs to be there at all.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { prepareWrk } from '../load/wrk.ts'
import { PATH } from '../probe.ts'
import { startBareNode } from '../subjects/bare-node.ts'
import { PUBLIC, startGateway } from '../subjects/gateway.ts'
import { startHttpProxy } from '../subjects/http-proxy.ts'
import { startNginx } from '../subjects/nginx.ts'
import type { ComparedRow } from './row.ts'

const prepare: Contender['prepare'] = (rig, { port }, seconds) =>
  prepareWrk(rig, port, seconds, { requests: [{ path: PATH, fields: [] }] })

export const publicRoute: ComparedRow = {
  kind: 'compared',
  id: 'P1',
  title: 'public route, no token',
  gateway: ({ name, program, nodeOptions = [] }) => ({
    name,
    start: (rig) => startGateway(rig, { program: program(rig), nodeOptions, routes: PUBLIC }),
    prepare,
  }),
  others: () => [
    {
      contender: { name: 'nginx', start: (rig) => startNginx(rig), prepare },
      atMost: 2.5,
    },
    { contender: { name: 'http-proxy', start: startHttpProxy, prepare }, atMost: 1 },
    // What is above 1 here is ours to save; what is below it no gateway on Node can.
    {
      contender: { name: 'Node and undici alone', start: startBareNode, prepare },
      atMost: undefined,
    },
  ],
}
