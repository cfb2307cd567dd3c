/**
 * P9: 1,000 routes against 10, each asked in turn, all public: so the router's part is largest.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { prepareWrk } from '../load/wrk.ts'
import { startGateway } from '../subjects/gateway.ts'
import type { ComparedRow, GatewayBuild } from './row.ts'

function gatewayWithRoutes(build: GatewayBuild, count: number): Contender {
  const { program, nodeOptions = [] } = build
  const services = Array.from({ length: count }, (_, i) => `service-${i}`)
  const routes = services.map(
    (name) => `  - { id: ${name}, match: "GET /${name}/accounts/*", public: true, upstream: bank }`,
  )
  const requests = services.map((name) => ({ path: `/${name}/accounts/1`, fields: [] }))
  return {
    name: `${count} routes`,
    start: (rig) =>
      startGateway(rig, { program: program(rig), nodeOptions, routes: routes.join('\n') }),
    prepare: (rig, { port }, seconds) => prepareWrk(rig, port, seconds, { requests }),
  }
}

export const manyRoutes: ComparedRow = {
  kind: 'compared',
  id: 'P9',
  title: '1,000 routes against 10',
  gateway: (build) => gatewayWithRoutes(build, 1000),
  others: (build) => [{ contender: gatewayWithRoutes(build, 10), atMost: 1.1 }],
}
