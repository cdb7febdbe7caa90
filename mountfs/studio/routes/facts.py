"""What is told of people: values of the studio's book as they cross the wire."""

from __future__ import annotations

from mountfs.studio.accounts import Account, AuditRow, Invitation, NodeToken, Session
from mountfs.studio.joining import ProjectMember
from mountfs.wire import people


def of_account(account: Account) -> people.AccountFacts:
    """A person in the studio."""
    return people.AccountFacts(
        account.id,
        account.email,
        account.username,
        account.name,
        account.role.value,
        account.created_at,
        account.removed_at,
    )


def of_session(session: Session, *, current: bool = False) -> people.SessionFacts:
    """A login that lasts."""
    return people.SessionFacts(
        session.id,
        session.account,
        session.created_at,
        session.seen_at,
        session.expires_at,
        session.device,
        session.address,
        current,
    )


def of_invitation(invitation: Invitation) -> people.InvitationFacts:
    """An invitation that still works."""
    return people.InvitationFacts(
        invitation.id,
        invitation.email,
        invitation.role.value,
        invitation.project,
        invitation.project_role,
        invitation.made_by,
        invitation.created_at,
        invitation.expires_at,
    )


def of_token(token: NodeToken) -> people.TokenFacts:
    """A machine's way in."""
    return people.TokenFacts(
        token.id, token.account, token.project, token.label, token.created_at, token.expires_at
    )


def of_member(member: ProjectMember) -> people.MemberFacts:
    """Somebody in a project."""
    return people.MemberFacts(
        member.user,
        member.account,
        member.username,
        member.name,
        member.email,
        member.role,
        member.tasks,
        member.folders,
    )


def of_audit(row: AuditRow) -> people.AuditFacts:
    """A row of the record."""
    return people.AuditFacts(row.id, row.at, row.actor, row.act, row.subject, row.detail, row.request)
