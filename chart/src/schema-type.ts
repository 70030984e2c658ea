/** As much of JSON Schema as values.yaml needs (json-schema.org, draft 7: what Helm 3 reads). */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly [keyword: string]: unknown;
}
