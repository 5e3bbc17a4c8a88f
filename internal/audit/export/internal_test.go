package export

import (
	"bytes"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// TimesListed is how often a kind of event is among the activities.
func TimesListed(kind portal.EventKind) (times int) {
	for _, a := range activities {
		for _, k := range a.kinds {
			if k == kind {
				times++
			}
		}
	}
	return times
}

// Encode is a file that has one event, of a format that has no proofs.
func (f Format) Encode(e audit.Entry) ([]byte, error) {
	var file bytes.Buffer
	out := f.encoder(&file)
	if err := out.encode(e); err != nil {
		return nil, err
	}
	err := out.close()
	return file.Bytes(), err
}

// Columns are the names of those of a CSV file.
func Columns() (list []string) {
	for _, c := range columns {
		list = append(list, c.name)
	}
	return list
}
