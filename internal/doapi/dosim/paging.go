package dosim

import (
	"net/http"
	"net/url"
	"strconv"
)

// paged answers with a page of a list, its links and its total. Source: API
// reference, "Links & Pagination".
func paged[T any](r *http.Request, key string, all []T, show func(T) any) (any, error) {
	page, perPage := intParam(r, "page", 1), intParam(r, "per_page", 20)
	if page < 1 || perPage < 1 || perPage > 200 {
		return nil, badRequest("page or per_page is out of range")
	}
	last := max(1, (len(all)+perPage-1)/perPage)
	from := len(all)
	if page <= last {
		from = (page - 1) * perPage
	}
	items := []any{}
	for _, item := range all[from:min(len(all), from+perPage)] {
		items = append(items, show(item))
	}
	return object{
		key:     items,
		"links": object{"pages": pageLinks(r.URL.Path, page, perPage, last)},
		"meta":  object{"total": len(all)},
	}, nil
}

func pageLinks(path string, page, perPage, last int) object {
	links := object{}
	link := func(name string, to int) {
		u := url.URL{Scheme: "https", Host: "api.digitalocean.com", Path: path,
			RawQuery: url.Values{"page": {strconv.Itoa(to)}, "per_page": {strconv.Itoa(perPage)}}.Encode()}
		links[name] = u.String()
	}
	if page > 1 {
		link("first", 1)
		link("prev", page-1)
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	return links
}
