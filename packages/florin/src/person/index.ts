export { erasePerson, type Kept, type PersonErasure } from './erase.ts';
export { exportPerson, type PersonExport } from './export.ts';
