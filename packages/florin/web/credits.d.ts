import '../src/kernel/amounts.ts';

/** Pages show any catalogue's credits: an amount that is not whole is a decimal text. */
declare module '../src/kernel/amounts.ts' {
  interface CreditTypes {
    readonly amount: number | string;
  }
}
