"""Everything the studio knows about people, in ``studio.db``: no HTTP, and no project.

::

    secret = create(folder)                     # once; the secret makes the first admin
    accounts = Accounts(folder)
    accounts.bootstrap.claim(secret, email=…, name=…, password=…, origin=…) -> Account

    accounts.sessions.login(email, password, origin) -> LoggedIn(caller, token)
    accounts.sessions.authenticate(token, origin) -> Caller      # at each request
    accounts.sessions.of(by, who) / revoke(by, session) / revoke_all(by, who) / logout(by)

    accounts.people.find(who) / all(by) / get(ids)
    accounts.people.edit(by, who, …) / set_role(by, who, role) / remove(by, who)
    accounts.people.change_password(by, old, new) / let_in_again(by, who)

    accounts.invitations.invite(by, email, role=…, project=…, project_role=…) -> Invited(invitation, token)
    accounts.invitations.look(token, origin) -> Invitation
    accounts.invitations.accept(token, name=…, password=…, origin=…) -> (Account, Membership | None)
    accounts.invitations.join(by, token) / open(by) / revoke(by, invitation)

    accounts.recovery.offer(by, who) -> OfferedRecovery(account, expires_at, token)   # a forgotten password
    accounts.recovery.accept(token, password, origin) -> Account

    accounts.memberships.of(who) / get(project, who) / in_project(project) / unsettled(project)
    accounts.memberships.add(by, project, who, user=… or joining_as=…) / settle(…) / remove(by, project, who)

    accounts.node_tokens.make(by, project, label=…, lifetime=…) -> MadeToken(node_token, token)
    accounts.node_tokens.of(by, who, project) / revoke(by, token id)

    accounts.audit.read(by, Wanted(…), before=…, limit=…)
    accounts.settings.all() / change(by, to)
    accounts.identity() -> (studio id, epoch); accounts.new_epoch(by)

``by`` is who does it: the `Caller` that `authenticate` gave, or the `Operator` of the studio's own machine.
Rights in the studio are checked here, in the transaction that acts; rights in a project are for the project
to check, before it calls. What is done and what is refused has its row in the audit, in the same transaction.
`Caller.node_token` is set for a machine: it may read one project, as its maker sees it, and nothing else.
"""

from __future__ import annotations

from mountfs.studio.accounts.attempts import Limits
from mountfs.studio.accounts.audit import Wanted
from mountfs.studio.accounts.book import Accounts, create
from mountfs.studio.accounts.passwords import Parameters, Passwords
from mountfs.studio.accounts.sessions import Lifetimes
from mountfs.studio.accounts.values import (
    NOWHERE,
    Account,
    AccountId,
    Actor,
    AuditRow,
    Caller,
    Invitation,
    InvitationId,
    Invited,
    LoggedIn,
    MadeToken,
    Membership,
    NodeToken,
    NodeTokenId,
    OfferedRecovery,
    Operator,
    Origin,
    Session,
    SessionId,
    StudioRole,
)

__all__ = [
    "NOWHERE",
    "Account",
    "AccountId",
    "Accounts",
    "Actor",
    "AuditRow",
    "Caller",
    "Invitation",
    "InvitationId",
    "Invited",
    "Lifetimes",
    "Limits",
    "LoggedIn",
    "MadeToken",
    "Membership",
    "NodeToken",
    "NodeTokenId",
    "OfferedRecovery",
    "Operator",
    "Origin",
    "Parameters",
    "Passwords",
    "Session",
    "SessionId",
    "StudioRole",
    "Wanted",
    "create",
]
