package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// GroupLabels lists what admins call groups.
func GroupLabels(ctx context.Context, q Querier) (portal.GroupLabels, error) {
	rows, err := q.Query(ctx, `SELECT group_name, label FROM group_labels`)
	if err != nil {
		return nil, db.Wrap(err)
	}
	labels := portal.GroupLabels{}
	var group, label string
	_, err = pgx.ForEachRow(rows, []any{&group, &label}, func() error {
		labels[group] = label
		return nil
	})
	return labels, db.Wrap(err)
}

// LockGroupLabels lists the labels and keeps others from changing them until tx
// ends.
func LockGroupLabels(ctx context.Context, tx pgx.Tx) (portal.GroupLabels, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE group_labels IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return nil, db.Wrap(err)
	}
	return GroupLabels(ctx, tx)
}

// SetGroupLabel gives a group a label, or takes it away when it is empty.
func SetGroupLabel(ctx context.Context, tx pgx.Tx, group, label string, at time.Time) error {
	if label == "" {
		_, err := tx.Exec(ctx, `DELETE FROM group_labels WHERE group_name = $1`, group)
		return db.Wrap(err)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO group_labels (group_name, label, changed_at) VALUES ($1, $2, $3)
		ON CONFLICT (group_name) DO UPDATE SET label = excluded.label, changed_at = excluded.changed_at`, group, label, at)
	return db.Wrap(err)
}
