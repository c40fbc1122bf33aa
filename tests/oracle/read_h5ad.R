# Reads every element of each h5ad with rhdf5, as packages for R do, and prints for each array the file, its path, its
# length, how many values are missing, and the sum of the values (of text: of its bytes). Any warning is an error: rhdf5
# warns where an integer does not fit R's.
options(warn = 2)
suppressPackageStartupMessages({
  library(rhdf5)
  library(Matrix)
})

total <- function(values) {
  if (is.factor(values)) values <- as.character(values) == "TRUE" # h5py's bools
  if (is.character(values)) return(c(length(values), 0, sum(nchar(values, type = "bytes"))))
  c(length(values), sum(is.na(values)), sum(as.numeric(values), na.rm = TRUE))
}

check_labels <- function(value) {
  # as zellkonverter and anndataR read them
  codes <- as.vector(value$codes) + 1L
  codes[codes == 0L] <- NA
  labels <- factor(value$categories[codes], levels = as.vector(value$categories))
  # as SeuratDisk reads them
  if (!is.character(value$levels)) stop("levels are no text")
  other <- factor(value$levels[value$values], levels = as.vector(value$levels))
  if (!identical(labels, other)) stop("two factors")
}

check_matrix <- function(value, kind, shape) {
  if (!is.numeric(value$data)) stop("data are no numbers")
  parts <- lapply(value[c("data", "indices", "indptr")], function(v) as.numeric(as.vector(v)))
  if (kind == "csr_matrix") {
    sparseMatrix(j = parts$indices, p = parts$indptr, x = parts$data, dims = shape, repr = "R", index1 = FALSE)
  } else {
    sparseMatrix(i = parts$indices, p = parts$indptr, x = parts$data, dims = shape, repr = "C", index1 = FALSE)
  }
}

check_group <- function(path, name) {
  attributes <- h5readAttributes(path, name)
  kind <- attributes[["encoding-type"]]
  if (is.null(kind)) stop("no encoding-type")
  value <- h5read(path, name)
  place <- strsplit(name, "/")[[1]][2]
  if (kind == "categorical") {
    ordered <- attributes$ordered
    if (!is.numeric(ordered) || is.na(ordered)) stop("no number says whether labels are ordered")
    check_labels(value)
  } else if (kind == "csr_matrix" || kind == "csc_matrix") {
    if (kind == "csc_matrix" && (name %in% c("/X", "/raw/X") || place == "layers")) stop("by columns")
    check_matrix(value, kind, as.vector(attributes$shape))
  } else if (kind == "dataframe") {
    if (!is.character(value[[attributes$`_index`]])) stop("names are no text")
    # an empty list of columns is one of numbers
    columns <- Filter(is.character, as.list(attributes$`column-order`))
    for (column in columns) if (is.null(value[[column]])) stop("no column ", column)
  } else if (!kind %in% c("dict", "raw", "anndata")) {
    stop("encoding ", kind)
  }
}

read_file <- function(path) {
  objects <- h5ls(path, all = TRUE)
  for (i in seq_len(nrow(objects))) {
    name <- paste0(sub("/$", "", objects$group[i]), "/", objects$name[i])
    tryCatch({
      if (objects$otype[i] == "H5I_GROUP") {
        check_group(path, name)
      } else {
        values <- h5read(path, name)
        if (!is.list(values)) {
          sums <- total(values)
          cat(sprintf("%s\t%s\t%d\t%d\t%.17g\n", path, name, as.integer(sums[1]), as.integer(sums[2]), sums[3]))
        }
      }
    }, error = function(e) stop(name, ": ", conditionMessage(e), call. = FALSE))
  }
}

for (path in commandArgs(trailingOnly = TRUE)) {
  tryCatch(read_file(path), error = function(e) cat(sprintf("%s\tERROR\t%s\n", path, gsub("\\s+", " ", conditionMessage(e)))))
  h5closeAll()
}
