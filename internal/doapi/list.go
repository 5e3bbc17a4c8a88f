package doapi

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
)

// Limits of a list.
const (
	perPage  = 200 // the most that DigitalOcean gives
	maxPages = 100
	maxList  = 128 << 20 // bytes of all pages together
)

type meta struct {
	Total int `json:"total"`
}

// list reads all pages of a list. Pages that do not add up to the total mean
// that the list changed while it was read; nothing could be concluded from it.
func list[Page, Item any](ctx context.Context, c *Client, path []string, items func(Page) ([]Item, meta)) ([]Item, error) {
	var all []Item
	var size, total int
	for page := 1; page <= maxPages; page++ {
		answer, bytes, err := readPage[Page](ctx, c, path, page)
		if err != nil {
			return nil, err
		}
		some, meta := items(answer)
		if page == 1 {
			total = meta.Total
		}
		all = append(all, some...)
		switch size += bytes; {
		case meta.Total != total || len(all) > total:
			return nil, changed(len(all), meta.Total)
		case len(all) == total:
			return all, nil
		case len(some) == 0:
			return nil, changed(len(all), total)
		case size > maxList:
			return nil, &Error{Err: fmt.Errorf("the list is larger than %d bytes", maxList)}
		}
	}
	return nil, &Error{Err: fmt.Errorf("the list has more than %d pages", maxPages)}
}

func changed(entries, total int) error {
	return &Error{Err: fmt.Errorf("the list changed while it was read: %d of %d entries", entries, total)}
}

// readPage returns a page and how many bytes it had.
func readPage[Page any](ctx context.Context, c *Client, path []string, page int) (Page, int, error) {
	var answer Page
	var size int
	query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
	err := c.getNow(ctx, call{path: path, query: query, read: func(body []byte) error {
		size = len(body)
		return into(&answer)(body)
	}})
	return answer, size, err
}
