package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const delegationColumns = `d.id::text, d.issuer, d.subject, d.name, d.stand_in_issuer, d.stand_in_subject, d.stand_in_name,
	d.reason, d.starts_at, d.until, d.ended_at AS ended, d.ended_issuer, d.ended_subject, d.ended_name`

// delegationRow is a delegation as delegationColumns has it.
type delegationRow struct {
	portal.Delegation
	portal.Person
	StandInIssuer, StandInSubject, StandInName string
	Ended                                      *time.Time
	EndedIssuer, EndedSubject, EndedName       string
}

func (r delegationRow) delegation() portal.Delegation {
	d := r.Delegation
	d.Delegator, d.StandIn = r.Person, person(r.StandInIssuer, r.StandInSubject, r.StandInName)
	d.EndedAt, d.EndedBy = fromNull(r.Ended), person(r.EndedIssuer, r.EndedSubject, r.EndedName)
	return d
}

func readDelegation(row pgx.CollectableRow) (portal.Delegation, error) {
	r, err := pgx.RowToStructByNameLax[delegationRow](row)
	return r.delegation(), err
}

// active finds the delegations that are so at a time.
const active = `d.ended_at IS NULL AND d.starts_at <= @now AND d.until > @now`

// LockDelegations keeps others from making delegations until tx ends; who
// decides by one is not kept from it.
func LockDelegations(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE delegations IN SHARE ROW EXCLUSIVE MODE`)
	return db.Wrap(err)
}

// InsertDelegation keeps a new delegation and marks an earlier one as ended
// whose date has come. A second active one of the same delegator gives an error
// of KindConflict.
func InsertDelegation(ctx context.Context, tx pgx.Tx, d portal.Delegation) error {
	_, err := tx.Exec(ctx, `UPDATE delegations SET ended_at = until WHERE issuer = @issuer AND subject = @subject AND ended_at IS NULL AND until <= @now`,
		pgx.StrictNamedArgs{"issuer": d.Delegator.Issuer, "subject": d.Delegator.Subject, "now": d.StartsAt})
	if err != nil {
		return db.Wrap(err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, reason, starts_at, until)
		VALUES (@id, @issuer, @subject, @name, @stand_in_issuer, @stand_in_subject, @stand_in_name, @reason, @starts, @until)`,
		pgx.StrictNamedArgs{"id": d.ID, "issuer": d.Delegator.Issuer, "subject": d.Delegator.Subject, "name": d.Delegator.Name,
			"stand_in_issuer": d.StandIn.Issuer, "stand_in_subject": d.StandIn.Subject, "stand_in_name": d.StandIn.Name,
			"reason": d.Reason, "starts": d.StartsAt, "until": d.Until})
	if db.IsUnique(err, "delegations_one_active") {
		return portal.E(portal.KindConflict, "you have a stand-in already; end that first", err)
	}
	return db.Wrap(err)
}

// LockDelegation returns a delegation and keeps others from ending it until tx
// ends. It returns KindNotFound for one that there is not.
func LockDelegation(ctx context.Context, tx pgx.Tx, id string) (portal.Delegation, error) {
	d, err := db.One(ctx, tx, readDelegation, `SELECT `+delegationColumns+` FROM delegations d WHERE d.id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": id})
	return d, named(err, "there is no such delegation")
}

// DelegationByID is LockDelegation without the lock.
func DelegationByID(ctx context.Context, q Querier, id string) (portal.Delegation, error) {
	d, err := db.One(ctx, q, readDelegation, `SELECT `+delegationColumns+` FROM delegations d WHERE d.id = @id`, pgx.StrictNamedArgs{"id": id})
	return d, named(err, "there is no such delegation")
}

// EndDelegation marks a delegation as ended.
func EndDelegation(ctx context.Context, tx pgx.Tx, d portal.Delegation) error {
	_, err := tx.Exec(ctx, `
		UPDATE delegations SET ended_at = @at, ended_issuer = @issuer, ended_subject = @subject, ended_name = @name WHERE id = @id AND ended_at IS NULL`,
		pgx.StrictNamedArgs{"id": d.ID, "at": d.EndedAt, "issuer": d.EndedBy.Issuer, "subject": d.EndedBy.Subject, "name": d.EndedBy.Name})
	return db.Wrap(err)
}

// ActiveDelegations lists the delegations that are active at a time, those that
// end first first.
func ActiveDelegations(ctx context.Context, q Querier, now time.Time, limit int) ([]portal.Delegation, error) {
	return db.All(ctx, q, readDelegation, `SELECT `+delegationColumns+` FROM delegations d WHERE `+active+` ORDER BY d.until, d.id LIMIT @limit`,
		pgx.StrictNamedArgs{"now": now, "limit": limit})
}

// DelegationsOf lists the delegations that are active at a time and that
// somebody made or stands in by.
func DelegationsOf(ctx context.Context, q Querier, id portal.Identity, now time.Time) ([]portal.Delegation, error) {
	return db.All(ctx, q, readDelegation, `SELECT `+delegationColumns+` FROM delegations d
		WHERE `+active+` AND ((d.issuer, d.subject) = (@issuer, @subject) OR (d.stand_in_issuer, d.stand_in_subject) = (@issuer, @subject))
		ORDER BY d.until, d.id`, pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "now": now})
}

const mandateTables = `SELECT ` + delegationColumns + `, p.groups AS delegator_groups, p.groups_at, s.groups AS stand_in_groups
	FROM delegations d JOIN people p USING (issuer, subject)
		JOIN people s ON (s.issuer, s.subject) = (d.stand_in_issuer, d.stand_in_subject) `

const mandates = mandateTables + `WHERE ` + active + ` AND p.groups_at > @since AND s.groups_at > @since `

func readMandate(row pgx.CollectableRow) (portal.Mandate, error) {
	type mandate struct {
		delegationRow
		DelegatorGroups, StandInGroups []string
		GroupsAt                       time.Time
	}
	r, err := pgx.RowToStructByNameLax[mandate](row)
	return portal.Mandate{Delegation: r.delegation(), DelegatorGroups: r.DelegatorGroups, GroupsAt: r.GroupsAt, StandInGroups: r.StandInGroups}, err
}

// MandatesOf lists by whose right somebody may decide as a stand-in at a time, as
// far as both are known since another.
func MandatesOf(ctx context.Context, q Querier, standIn portal.Identity, now, since time.Time) ([]portal.Mandate, error) {
	return db.All(ctx, q, readMandate, mandates+`AND d.stand_in_issuer = @issuer AND d.stand_in_subject = @subject ORDER BY d.until, d.id`,
		pgx.StrictNamedArgs{"issuer": standIn.Issuer, "subject": standIn.Subject, "now": now, "since": since})
}

// MandatesLately lists for whom somebody stands in at a time, or has until lately
// (portal.StoodIn), however long ago the groups of these are known since. It is
// for what they would gain, not for what they may do.
func MandatesLately(ctx context.Context, q Querier, standIn portal.Identity, now time.Time) ([]portal.Mandate, error) {
	return db.All(ctx, q, readMandate, mandateTables+`WHERE d.stand_in_issuer = @issuer AND d.stand_in_subject = @subject
			AND d.starts_at <= @now AND least(d.until, d.ended_at) > @lately ORDER BY d.until, d.id`,
		pgx.StrictNamedArgs{"issuer": standIn.Issuer, "subject": standIn.Subject, "now": now, "lately": now.Add(-portal.StoodIn)})
}

// LockMandatesOf is MandatesOf, and keeps others from ending these delegations
// until tx ends.
func LockMandatesOf(ctx context.Context, tx pgx.Tx, standIn portal.Identity, now, since time.Time) ([]portal.Mandate, error) {
	return db.All(ctx, tx, readMandate, mandates+`AND d.stand_in_issuer = @issuer AND d.stand_in_subject = @subject ORDER BY d.until, d.id FOR SHARE OF d`,
		pgx.StrictNamedArgs{"issuer": standIn.Issuer, "subject": standIn.Subject, "now": now, "since": since})
}

// MandatesFor lists who may decide at a time for people of the groups, as far as
// both are known since another.
func MandatesFor(ctx context.Context, q Querier, groups []string, now, since time.Time) ([]portal.Mandate, error) {
	return db.All(ctx, q, readMandate, mandates+`AND p.groups && @groups ORDER BY d.until, d.id`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "now": now, "since": since})
}

// PeopleIn lists people who are in one of the groups, as far as they are known
// since the given time, by name.
func PeopleIn(ctx context.Context, q Querier, groups []string, since time.Time, limit int) ([]Person, error) {
	return db.All(ctx, q, pgx.RowToStructByNameLax[Person], `
		SELECT issuer, subject, name, email, groups, groups_at, groups_problem FROM people
		WHERE groups && @groups AND groups_at > @since ORDER BY lower(name), email, issuer, subject LIMIT @limit`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "since": since, "limit": limit})
}
