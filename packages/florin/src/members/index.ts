export { createMembers, type Members } from './library.ts';
export {
  type ChangeOfMember,
  listAccounts,
  readRole,
  removeMember,
  setMember,
  stillMembers,
} from './members.ts';
export { listMembers, type Member, type MemberPage, readMember } from './use.ts';
