package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/portal"
)

// provenArchive is what a key has signed of a month that was archived, and what there
// is of it in the database.
type provenArchive struct {
	archive
	size int64 // of the checkpoint that covers it

	missing     int64 // events of the month that the checkpoint has and the database has not
	first, last int64 // of these
	kept        int64 // events of the month that the checkpoint and the database have, by which the trail is verified
	present     int64 // others of which that is so
	looked      bool
}

// proveArchive reads what an event says of an archive. It is of a whole month, made
// when that could be archived, of events that were under a checkpoint.
func (v *verifier) proveArchive(e ownEvent) (*provenArchive, error) {
	a := &provenArchive{first: -1}
	if _, err := openStatement(e.Data, formArchive, &a.archive, v.keys.at(e.Number)...); err != nil {
		return nil, err
	}
	c, err := openCheckpoint(a.Checkpoint, note.VerifierList(v.keys.all()...)) // the statement has it, whoever signed it
	if err != nil {
		return nil, err
	}
	month := timeAt(microsOfID(a.From[:]))
	next := time.Date(month.Year(), month.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	if a.Origin != v.origin() || c.Origin != v.origin() || monthOf(month) != (Bounds{a.From, a.To}) ||
		timeOf(e.Recorded).Sub(next) < ArchiveBefore || c.Size > e.Number || a.Last >= c.Size {
		return nil, errStatement
	}
	a.size = c.Size
	where := fmt.Sprintf("checkpoint of %d events in the archive of %s", c.Size, month.Format("January 2006"))
	v.statements = append(v.statements, statement{c.Size, c.Root, where, where})
	return a, nil
}

// monthOf are the bounds of the events of a month.
func monthOf(t time.Time) Bounds {
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return Bounds{firstID(first), firstID(first.AddDate(0, 1, 0))}
}

// covers reports whether an archive is of the event with a number and an id.
func (a *provenArchive) covers(number int64, id []byte) bool {
	return number < a.size && bytes.Compare(a.From[:], id) <= 0 && bytes.Compare(id, a.To[:]) < 0
}

// removed takes note of a leaf whose event is not there. The tree has to have this
// leaf, which the checkpoint of an archive is over.
func (v *verifier) removed(number int64, id []byte, leaf tlog.Hash) {
	v.bind(number, id, leaf)
	v.found.Lock()
	archived := false
	for _, a := range v.archives {
		if a.covers(number, id) {
			archived = true
			a.missing++
			a.last = max(a.last, number)
			if a.first < 0 || number < a.first {
				a.first = number
			}
		}
	}
	v.found.Unlock()
	switch {
	case !archived:
		v.fault(number, eventName(number, id), "It is not there any more: it was removed.")
	case 0 <= number && number < int64(len(v.recorded)):
		v.recorded[number] = -max(1, microsOfID(id)) // by the word of the database alone: see checkTimes
	}
}

// stillThere takes note of an event that is there, if its month was archived.
func (v *verifier) stillThere(number int64, id, kind []byte) {
	for _, a := range v.archives { // of which there are few, as of months
		if a.covers(number, id) {
			v.found.Lock()
			if slices.Contains(keptKinds, portal.EventKind(kind)) {
				a.kept++
			} else {
				a.present++
			}
			v.found.Unlock()
		}
	}
}

// whole reports whether what is missing is what was archived, all of it and nothing
// besides.
func (a *provenArchive) whole() bool {
	return a.missing == a.Events-a.Kept && a.kept == a.Kept && a.first >= a.First && a.last <= a.Last && a.present == 0
}

// checkArchives looks whether no more is missing than was archived, and looks into
// the files that were given.
func (v *verifier) checkArchives() error {
	months := map[uuid.UUID][]*provenArchive{} // tried more than once, if it was broken off
	for _, a := range v.archives {
		months[a.From] = append(months[a.From], a)
	}
	for _, tried := range months {
		i := slices.IndexFunc(tried, (*provenArchive).whole)
		a := tried[max(i, 0)]
		switch {
		case i >= 0:
			v.Archived += a.missing
		case slices.ContainsFunc(tried, func(a *provenArchive) bool { return a.missing > 0 }):
			v.fault(-1, "events of "+timeAt(microsOfID(a.From[:])).Format("January 2006"), "%d of them are not there any more, with numbers from %d to %d, and %d are; but %d were archived, with numbers from %d to %d. Others were removed as well, or some were put back.",
				a.missing, a.first, a.last, a.kept+a.present, a.Events-a.Kept, a.First, a.Last)
		}
	}
	slices.SortFunc(v.archives, func(a, b *provenArchive) int { return cmp.Compare(a.first, b.first) })
	for _, f := range v.Archives {
		if err := v.lookInto(f); err != nil {
			return err
		}
	}
	return nil
}

// lookInto verifies the bundle of an archive.
func (v *verifier) lookInto(f ArchiveFile) error {
	file, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	r, err := verifyBundle(io.TeeReader(file, sum), v.keys)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	for _, fault := range r.Faults {
		v.fault(fault.Number, f.Name+": "+fault.Where, "%s", fault.What)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	i := slices.IndexFunc(v.archives, func(a *provenArchive) bool {
		return a.SHA256 == digest && a.Checkpoint == r.Checkpoint && a.Events == r.Events
	})
	if i < 0 {
		v.fault(-1, f.Name, "It is not a file that the trail says was archived, or it was changed afterwards.")
		return nil
	}
	if a := v.archives[i]; a.missing > 0 && !a.looked {
		a.looked = true
		v.Looked += r.Events
	}
	return nil
}
