/**
 * The largest amount in one operation: 2^53 - 1 of the smallest unit of credits, exact in every JSON
 * reader. Without decimals in the catalogue the smallest unit is one credit.
 */
export const MAX_CREDITS = Number.MAX_SAFE_INTEGER;

/**
 * What an amount of credits is to TypeScript. A program whose catalogue has `credit: { decimals }` above 0
 * says so once, since amounts that are not whole are then decimal texts:
 * `declare module 'florin' { interface CreditTypes { amount: number | string } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: programs merge a field into it.
export interface CreditTypes {}

/** An amount of credits: a number where it is whole, else a decimal text such as "0.25". */
export type Credits = CreditTypes extends { readonly amount: infer Amount } ? Amount : number;
