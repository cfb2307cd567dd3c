/**
 * Method, host and path to the one route that they mean.
 *
 * The most specific wins, whatever the order in the configuration: a route that names the host before one
 * that does not; then, segment by segment, a literal before `*` before `**`. Two routes that are equally
 * specific were refused when the configuration was read.
 *
 * @module
 */

export interface Matched {
  /** Lower-case; undefined: any. */
  readonly hosts: readonly string[] | undefined
  /** Canonical patterns: `*` is one segment, `**` stands last and is any number of them. */
  readonly paths: readonly string[]
  /** Undefined: any that is common. */
  readonly methods: readonly string[] | undefined
}

/** Either the route, or the methods that would have found one; no method: no such path. */
export interface Found<R> {
  readonly route: R | undefined
  readonly allow: readonly string[]
}

interface Node<R> {
  readonly literal: Map<string, Node<R>>
  star: Node<R> | undefined
  /** Routes whose pattern ends here. */
  readonly ends: R[]
  /** Routes whose pattern goes on from here with `**`. */
  readonly rest: R[]
}

/** The routes of a configuration, as trees of segments. */
export class Router<R extends Matched> {
  readonly #byHost = new Map<string, Node<R>>()
  readonly #anyHost: Node<R> = node()

  constructor(routes: readonly R[]) {
    for (const route of routes) {
      const trees = route.hosts?.map((host) => this.#tree(host)) ?? [this.#anyHost]
      for (const tree of trees) for (const path of route.paths) insert(tree, path, route)
    }
  }

  /**
   * @param host Lower-case, without port.
   * @param path Canonical: what is matched is what is forwarded.
   */
  find(host: string, method: string, path: string): Found<R> {
    const segments = segmentsOf(path)
    const allow: string[] = []
    const tree = this.#byHost.get(host)
    const route =
      (tree === undefined ? undefined : search(tree, segments, 0, method, allow)) ??
      search(this.#anyHost, segments, 0, method, allow)
    return { route, allow: [...new Set(allow)].sort() }
  }

  #tree(host: string): Node<R> {
    const tree = this.#byHost.get(host) ?? node<R>()
    this.#byHost.set(host, tree)
    return tree
  }
}

/**
 * The segments of a canonical path, decoded: an upstream reads `a%3Ab` and `a:b` as one, so both have to
 * find one route. No separator can come of it, since a path that holds one in encoded form was refused.
 */
function segmentsOf(path: string): string[] {
  const segments = path.slice(1).split('/')
  return path.includes('%') ? segments.map(decodeURIComponent) : segments
}

function node<R>(): Node<R> {
  return { literal: new Map(), star: undefined, ends: [], rest: [] }
}

function insert<R>(tree: Node<R>, path: string, route: R): void {
  let at = tree
  for (const written of path.slice(1).split('/')) {
    const segment = decodeURIComponent(written)
    if (written === '**') {
      at.rest.push(route)
      return
    }
    if (written === '*') {
      at.star ??= node()
      at = at.star
    } else {
      const next = at.literal.get(segment) ?? node<R>()
      at.literal.set(segment, next)
      at = next
    }
  }
  at.ends.push(route)
}

/** Depth first, the more specific branch first; a branch without the method is noted and left. */
function search<R extends Matched>(
  at: Node<R>,
  segments: readonly string[],
  depth: number,
  method: string,
  allow: string[],
): R | undefined {
  if (depth === segments.length) {
    return choose(at.ends, method, allow) ?? choose(at.rest, method, allow)
  }
  const segment = segments[depth]!
  const literal = at.literal.get(segment)
  if (literal !== undefined) {
    const route = search(literal, segments, depth + 1, method, allow)
    if (route !== undefined) return route
  }
  if (at.star !== undefined && segment !== '') {
    const route = search(at.star, segments, depth + 1, method, allow)
    if (route !== undefined) return route
  }
  return choose(at.rest, method, allow)
}

/**
 * What a route that names no methods takes (RFC 9110 §9.3, RFC 5789): a closed list, so that it is the same
 * in every version of HTTP. RFC 9110 §9.3.8: TRACE would send a client's credentials back to whoever made
 * it ask.
 */
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

function choose<R extends Matched>(
  routes: readonly R[],
  method: string,
  allow: string[],
): R | undefined {
  // A route that names its methods is more specific than one that takes any.
  let any: R | undefined
  for (const route of routes) {
    if (route.methods === undefined && ANY_METHOD.includes(method)) any = route
    else if (route.methods?.includes(method)) return route
    else allow.push(...(route.methods ?? ANY_METHOD))
  }
  return any
}
