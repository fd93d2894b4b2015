export { createIssuer, type Issuer, type IssuerOptions } from './issuer.ts';
