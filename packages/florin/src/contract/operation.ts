import type { ZodType, z } from 'zod';
import type { MemberRole } from '../kernel/index.ts';

/** An answer that is no problem; without a schema it has no body. */
type Success = {
  readonly description: string;
  readonly schema?: ZodType;
  /** Default: `application/json`. */
  readonly type?: string;
};

/** One operation of the service: what it takes, who may call it, and what it answers. */
export type Operation = {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With parameters as OpenAPI writes them: `/api/accounts/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** A signed-in user, a server with its key; absent: anyone. */
  readonly callers?: readonly ('user' | 'server')[];
  /**
   * What a user must at least be in the account: the one in the path, or else the one that they choose by
   * the header `Florin-Account` or the query's `account`; without either it is their own.
   */
  readonly role?: MemberRole;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: ZodType;
  /** Whether no body at all says the same as `{}`. Default: false. */
  readonly bodyOptional?: boolean;
  readonly answers: Readonly<Record<number, Success>>;
  /** The problems that are worth naming, by status. */
  readonly problems?: Readonly<Record<number, string>>;
};

export type Operations = Readonly<Record<string, Operation>>;

/** What an operation answers, as JSON has it. */
export type AnswerOf<O extends Operation> = {
  [S in keyof O['answers']]: O['answers'][S] extends { schema: infer Z extends ZodType }
    ? z.output<Z>
    : never;
}[keyof O['answers']];

/** What a route may return for an answer: a Date becomes its ISO 8601 text. */
export type Sent<T> = T extends string
  ? string extends T
    ? T | Date
    : T
  : T extends object
    ? { readonly [Key in keyof T]: Sent<T[Key]> }
    : T;

/**
 * The type of a schema's values, for those who only read them. Keys keep their comments, which
 * zod's own inference loses.
 */
export type Shown<S> =
  S extends z.ZodObject<infer Shape>
    ? { readonly [Key in keyof Shape]: Shown<Shape[Key]> }
    : S extends z.ZodNullable<infer Inner>
      ? Shown<Inner> | null
      : S extends z.ZodArray<infer Item>
        ? readonly Shown<Item>[]
        : S extends ZodType
          ? z.output<S>
          : never;
