#pragma once
#include <hdf5.h>
#include <stddef.h>
#include <string.h>

// Accessors for what Swift cannot import: macros that expand to casts or comma expressions, and names that stand for
// another function or type in each version of HDF5 (1.8 to 2.0). The part after CHDF5_ is the name in the manual.

static inline unsigned CHDF5_F_ACC_RDONLY(void) { return H5F_ACC_RDONLY; }
static inline unsigned CHDF5_F_ACC_RDWR(void) { return H5F_ACC_RDWR; }
static inline unsigned CHDF5_F_ACC_TRUNC(void) { return H5F_ACC_TRUNC; }

static inline hid_t CHDF5_P_DEFAULT(void) { return H5P_DEFAULT; }
static inline hid_t CHDF5_P_FILE_ACCESS(void) { return H5P_FILE_ACCESS; }
static inline hid_t CHDF5_P_LINK_ACCESS(void) { return H5P_LINK_ACCESS; }
static inline hid_t CHDF5_P_LINK_CREATE(void) { return H5P_LINK_CREATE; }
static inline hid_t CHDF5_P_DATASET_CREATE(void) { return H5P_DATASET_CREATE; }
static inline hid_t CHDF5_P_DATASET_XFER(void) { return H5P_DATASET_XFER; }

static inline hid_t CHDF5_S_ALL(void) { return H5S_ALL; }
static inline hid_t CHDF5_E_DEFAULT(void) { return H5E_DEFAULT; }

static inline hid_t CHDF5_T_NATIVE_FLOAT(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t CHDF5_T_NATIVE_DOUBLE(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t CHDF5_T_NATIVE_INT64(void) { return H5T_NATIVE_INT64; }
static inline hid_t CHDF5_T_NATIVE_UINT64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t CHDF5_T_NATIVE_UINT8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t CHDF5_T_IEEE_F32LE(void) { return H5T_IEEE_F32LE; }
static inline hid_t CHDF5_T_IEEE_F64LE(void) { return H5T_IEEE_F64LE; }
static inline hid_t CHDF5_T_STD_I64LE(void) { return H5T_STD_I64LE; }
static inline hid_t CHDF5_T_STD_U8LE(void) { return H5T_STD_U8LE; }
static inline hid_t CHDF5_T_C_S1(void) { return H5T_C_S1; }
static inline size_t CHDF5_T_VARIABLE(void) { return H5T_VARIABLE; }

// H5Pset_file_locking came with 1.10.7 and, in the next series, with 1.12.1.
#if (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 11, 0)) || H5_VERSION_GE(1, 12, 1)
static inline int CHDF5_HAS_FILE_LOCKING_PROPERTY(void) { return 1; }
static inline herr_t CHDF5_Pset_file_locking(hid_t access, int locking) {
    return H5Pset_file_locking(access, locking != 0, 1);
}
#else
static inline int CHDF5_HAS_FILE_LOCKING_PROPERTY(void) { return 0; }
static inline herr_t CHDF5_Pset_file_locking(hid_t access, int locking) {
    (void)access;
    (void)locking;
    return 0;
}
#endif

// Files in memory only. The type of the last argument differs between versions.
static inline herr_t CHDF5_Pset_fapl_core(hid_t access, size_t increment) {
    return H5Pset_fapl_core(access, increment, 0);
}

// Where chunks of a dataset are in its file, which is told since 1.10.5 (for H5S_ALL in some later version).
#if H5_VERSION_GE(1, 10, 5)
static inline int CHDF5_TELLS_CHUNKS(void) { return 1; }
static inline herr_t CHDF5_Dget_num_chunks(hid_t dataset, hid_t space, hsize_t *count) {
    return H5Dget_num_chunks(dataset, space, count);
}
static inline herr_t CHDF5_Dget_chunk_info(
    hid_t dataset, hid_t space, hsize_t index, hsize_t *start, haddr_t *address, hsize_t *size) {
    unsigned mask;
    return H5Dget_chunk_info(dataset, space, index, start, &mask, address, size);
}
#else
static inline int CHDF5_TELLS_CHUNKS(void) { return 0; }
static inline herr_t CHDF5_Dget_num_chunks(hid_t dataset, hid_t space, hsize_t *count) {
    (void)dataset;
    (void)space;
    (void)count;
    return -1;
}
static inline herr_t CHDF5_Dget_chunk_info(
    hid_t dataset, hid_t space, hsize_t index, hsize_t *start, haddr_t *address, hsize_t *size) {
    (void)dataset;
    (void)space;
    (void)index;
    (void)start;
    (void)address;
    (void)size;
    return -1;
}
#endif

// Frees what the library allocated for variable-length elements that it read.
static inline herr_t CHDF5_Treclaim(hid_t type, hid_t space, void *elements) {
#if H5_VERSION_GE(1, 12, 0)
    return H5Treclaim(type, space, H5P_DEFAULT, elements);
#else
    return H5Dvlen_reclaim(type, space, H5P_DEFAULT, elements);
#endif
}

// Calls `visit(context, name)` for each link of a group, in the order of their names.
typedef herr_t (*CHDF5_visit_t)(void *context, const char *name);
struct CHDF5_visitor {
    CHDF5_visit_t visit;
    void *context;
};
static inline herr_t CHDF5_visit_link(hid_t group, const char *name, const H5L_info_t *link, void *visitor) {
    (void)group;
    (void)link;
    return ((struct CHDF5_visitor *)visitor)->visit(((struct CHDF5_visitor *)visitor)->context, name);
}
static inline herr_t CHDF5_Literate(hid_t group, CHDF5_visit_t visit, void *context) {
    struct CHDF5_visitor visitor = {visit, context};
    hsize_t start = 0;
    return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &start, CHDF5_visit_link, &visitor);
}
static inline herr_t CHDF5_visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *visitor) {
    (void)object;
    (void)info;
    return ((struct CHDF5_visitor *)visitor)->visit(((struct CHDF5_visitor *)visitor)->context, name);
}
static inline herr_t CHDF5_Aiterate(hid_t object, CHDF5_visit_t visit, void *context) {
    struct CHDF5_visitor visitor = {visit, context};
    hsize_t start = 0;
    return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, CHDF5_visit_attribute, &visitor);
}

// The kind of a link and, of a soft or external one, the size of its value.
static inline herr_t CHDF5_Lget_info(hid_t location, const char *name, H5L_type_t *type, size_t *size) {
    H5L_info_t link;
    memset(&link, 0, sizeof link);
    herr_t status = H5Lget_info(location, name, &link, H5P_DEFAULT);
    *type = link.type;
    *size = link.u.val_size;
    return status;
}
